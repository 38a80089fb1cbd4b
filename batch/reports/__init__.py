"""The answers to a sender: what became of every input line, as two CSV files, a page and a JSON file.

Relies on `schemas` and on whoever can say where a batch's lines stand (`AnswerSource`). Decides nothing,
sends nothing and changes no state: it only tells. docs/answers.md describes the four files; design 8.2.
"""

from batch.reports.answer_files import was_answered
from batch.reports.answer_source import AnswerSource
from batch.reports.answers import write_answers
from batch.reports.refusal import write_refusal

__all__ = ["AnswerSource", "was_answered", "write_answers", "write_refusal"]
