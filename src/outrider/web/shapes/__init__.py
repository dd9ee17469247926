"""What the API takes and answers, as msgspec types. Times are seconds since the epoch."""
