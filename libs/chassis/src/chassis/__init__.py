"""What every service stands on: settings, life cycle, broker, database, outbox."""
