"""The forms of a fitted pipeline that may serve in scikit-learn's place, where parity with it was shown."""

from vouchml.training.forms.base import ExportFailed, Form, FormName
from vouchml.training.forms.table import FORMS, export_forms

__all__ = ["FORMS", "ExportFailed", "Form", "FormName", "export_forms"]
