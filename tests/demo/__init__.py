"""The demo, tried with real photographs."""
