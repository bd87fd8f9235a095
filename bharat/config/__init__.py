"""`bharat.toml` and the environment, read once into one frozen, validated `Config`: defaults < file < environment."""

from bharat.config.fields import Decoded, Row, Setting, decode, settings_of
from bharat.config.load import find_file, load, places
from bharat.config.secret import HiddenText, Secret, shown
from bharat.config.sections import Accounts, Choice, Config, Database, Files, Log, Server, Worker
from bharat.config.sources import Raw
from bharat.config.toml_text import as_toml

__all__ = [
    "Accounts",
    "Choice",
    "Config",
    "Database",
    "Decoded",
    "Files",
    "HiddenText",
    "Log",
    "Raw",
    "Row",
    "Secret",
    "Server",
    "Setting",
    "Worker",
    "as_toml",
    "decode",
    "find_file",
    "load",
    "places",
    "settings_of",
    "shown",
]
