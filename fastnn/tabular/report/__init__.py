"""What an analyst needs to know of a model of a table, from rows that it has not seen: in Python, as text, as HTML."""

from fastnn.tabular.report.drift import summary_of
from fastnn.tabular.report.make import make_report, report_of
from fastnn.tabular.report.report import TableReport
from fastnn.tabular.report.scoring import score

__all__ = ["TableReport", "make_report", "report_of", "score", "summary_of"]
