"""How the database became what `store` expects, a step a file, by alembic."""
