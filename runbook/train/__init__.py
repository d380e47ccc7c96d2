"""Training: real faults on real servers, the answer hidden until somebody says that it is fixed; then a debrief.

Nothing is judged by what was claimed. Whether it is fixed and what was harmed is measured on the servers; what was read
before acting stands in the journal.
"""
