"""What the server is asked before it is trusted with jobs, and which rights its users need."""
