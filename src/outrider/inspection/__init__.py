"""Looking at what is there: queues, batches, numbers. The working side never imports this."""
