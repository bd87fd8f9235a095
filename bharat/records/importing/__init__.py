"""Importing CSV files into records: streamed, by name, repeatable."""

from bharat.records.importing.importer import Counts, Importer, Rejected
from bharat.records.importing.options import ImportOptions
from bharat.records.importing.source import CsvError, CsvFile

__all__ = ["Counts", "CsvError", "CsvFile", "ImportOptions", "Importer", "Rejected"]
