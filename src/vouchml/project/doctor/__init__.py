"""`vouch doctor`: what is wrong with this machine or this project, and the fix."""

from vouchml.project.doctor.examination import examine
from vouchml.project.doctor.finding import Finding, Outcome

__all__ = ["Finding", "Outcome", "examine"]
