"""Programs that tests of the data room run as processes of their own: `python -m tests.data.programs.<name> URL …`."""
