"""The rivals: what a good engineer would write by hand for the same three requests on the same tables.

They are told where the database is by `BENCH_DATABASE_URL` and whose key signs cursors by `BENCH_KEY`.
"""
