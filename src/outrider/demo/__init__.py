"""`outrider demo`: a gallery of photographs, resized by a batch, published by its callbacks."""
