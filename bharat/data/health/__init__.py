"""What is to be said of the database: briefly for `/api/health`, at length for `bharat doctor`."""

from bharat.data.health.budget import Processes, connection_budget
from bharat.data.health.examination import answers, examine_database
from bharat.data.health.space import free_space

__all__ = ["Processes", "answers", "connection_budget", "examine_database", "free_space"]
