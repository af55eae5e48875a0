"""LabelledSet with a label each: a grade of diabetic retinopathy, or any other text."""
