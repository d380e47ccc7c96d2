"""Embedded servers and scenarios: real faults on real PostgreSQL for the demo, for training and for tests."""
