"""Rival (c): Django REST Framework on unmanaged models of the same tables, under gunicorn's threads."""
