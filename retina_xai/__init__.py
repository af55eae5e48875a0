"""retina_xai: where a network saw diabetic retinopathy, and whether the explanation shows what it really uses."""

__version__ = "0.1.0"
