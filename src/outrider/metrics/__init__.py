"""What runs and queues were like over time: `app.metrics`."""
