"""Coded concepts of the results. Concepts without a code that is known to be right have one of our own scheme."""

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

OWN = "99RETINAXAI"
LESIONS: dict[str, Code] = {
    "haemorrhages": codes.SCT.Hemorrhage,
    "hard_exudates": Code("39832008", "SCT", "Retinal exudates"),
    "soft_exudates": Code("SOFT_EXUDATES", OWN, "Soft exudates"),
    "red_small_dots": Code("247133006", "SCT", "Dot haemorrhage"),
    "unspecified": codes.SCT.MorphologicallyAbnormalStructure,
}
"""By type of `lesions.annotation.ANNOTATION_TYPES`; the anatomic region is the retina."""

RETINA = codes.SCT.Retina
EYES = {"right": codes.SCT.Right, "left": codes.SCT.Left}
ABNORMAL = codes.SCT.MorphologicallyAbnormalStructure
EVIDENCE = Code("EVIDENCE", OWN, "Evidence for the decision, not a probability of disease")
PHOTOGRAPHY = Code("FUNDUS_PHOTOGRAPHY", OWN, "Fundus photography")
SCORE = Code("RDR_SCORE", OWN, "Score for referable diabetic retinopathy")
THRESHOLD = Code("THRESHOLD", OWN, "Threshold of the score")
COUNT = Code("CANDIDATES", OWN, "Number of lesion candidates")
CANDIDATE_EVIDENCE = Code("CANDIDATE_EVIDENCE", OWN, "Largest evidence in the candidate")
DECISION = Code("DECISION", OWN, "Decision of the algorithm")
QUALITY = Code("QUALITY", OWN, "Quality of the photograph")
AREA = codes.SCT.Area
DIAMETER = Code("DIAMETER", OWN, "Diameter of the disk of the same area")


FINDING = Code("READER_FINDING", OWN, "Finding of the reader")
GRADE = Code("ICDR_GRADE", OWN, "Grade of diabetic retinopathy, international scale, 0 to 4")
OEDEMA = Code("MACULAR_OEDEMA", OWN, "Macular oedema")
MARK = Code("MARK", OWN, "Whose the lesion is")


def own(meaning: str) -> Code:
    """A value of our own scheme, such as a decision."""
    return Code(meaning.upper().replace(" ", "_")[:16], OWN, meaning)
