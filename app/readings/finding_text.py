"""The finding of a reading, and what follows from it, in words."""

from retina_xai.app.readings.model import Reading

READER_DECISIONS = {"agree": "agrees with the system", "disagree": "disagrees with the system", "none": "no decision"}
ADVICE = {
    "refer": "Refer the patient to an ophthalmologist.",
    "no referable DR": "No referral for diabetic retinopathy; screen again at the usual interval.",
    "ungradable": "Photograph the eye again; refer the patient if it stays ungradable.",
}
"""What follows from a finding."""

URGENT = "Refer the patient to an ophthalmologist urgently: proliferative retinopathy."
PROLIFERATIVE = 4


def advice_of(reading: Reading) -> str:
    """What follows from the reader's finding."""
    if reading.grade == PROLIFERATIVE:
        return URGENT
    return ADVICE.get(reading.finding, "none, because the reader stated no finding")


def finding_line(reading: Reading) -> str:
    """The reader's finding with grade and macular oedema; the agreement where there is no finding."""
    if not reading.finding:
        return READER_DECISIONS[reading.decision]
    grade = "" if reading.grade is None else f", grade {reading.grade}"
    return reading.finding + grade + (f", macular oedema: {reading.oedema}" if reading.oedema else "")
