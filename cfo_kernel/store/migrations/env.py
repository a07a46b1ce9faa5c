"""What Alembic runs for each command: it applies revisions on the connection, and in the transaction, of the runner."""

from alembic import context

# Alembic holds that DDL in SQLite is not transactional, because Python's driver commits it unless a transaction was
# begun by hand. The runner has begun one, so a failing revision leaves nothing behind.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
