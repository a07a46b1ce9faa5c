"""The script that Alembic runs for each command. Applies revisions on the runner's connection, in its transaction."""

from alembic import context

# Alembic assumes that DDL in SQLite is not transactional, because Python's driver commits it unless a transaction was
# begun explicitly. The runner has begun one, so a failed revision leaves nothing behind.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
