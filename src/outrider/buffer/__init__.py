"""The push buffer: keeps what is pushed while the server is away, and sends it afterwards."""
