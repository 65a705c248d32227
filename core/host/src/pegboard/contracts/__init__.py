"""What plugins implement: one abstract class per kind of component.

Each has a contract test suite in ``pegboard_testing`` that an implementation must pass.
"""
