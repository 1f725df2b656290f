"""A store in a PostgreSQL database, which several machines share. psycopg is loaded when one is opened."""
