"""Believe it: folds, the prediction table, metrics, results and the report."""

from fsa_data.evaluate.comparison import comparison_table
from fsa_data.evaluate.comparison_report import command_of, write_comparison
from fsa_data.evaluate.evidence import gather
from fsa_data.evaluate.files import write_atomic, write_json
from fsa_data.evaluate.flow_report import check_scores_folder, write_scores
from fsa_data.evaluate.flow_table import FlowLine, flow_lines, flows_text, swap_lines
from fsa_data.evaluate.folds import Fold, choose, group_kfold, loso
from fsa_data.evaluate.predictions import (
    FAKE,
    REAL,
    Predictions,
    concatenate,
    fold_predictions,
    read_predictions,
    write_predictions,
)
from fsa_data.evaluate.report import Background, Pair, write_report
from fsa_data.evaluate.results import FoldFacts, RunFacts, conditioned, summarise

__all__ = [
    "FAKE",
    "REAL",
    "Background",
    "FlowLine",
    "Fold",
    "FoldFacts",
    "Pair",
    "Predictions",
    "RunFacts",
    "check_scores_folder",
    "choose",
    "command_of",
    "comparison_table",
    "concatenate",
    "conditioned",
    "flow_lines",
    "flows_text",
    "fold_predictions",
    "gather",
    "group_kfold",
    "loso",
    "read_predictions",
    "summarise",
    "swap_lines",
    "write_atomic",
    "write_comparison",
    "write_json",
    "write_predictions",
    "write_report",
    "write_scores",
]
