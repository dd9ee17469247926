"""A state machine of Hypothesis: the public API and a worker's operations against the contract.

The model is a second reading of the contract, in plain Python. It knows neither the Lua sources nor
the simulator's model; it judges every batch from scratch after each step.
"""
