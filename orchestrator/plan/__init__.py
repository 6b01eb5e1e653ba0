"""Decide whether a run may begin, and define the parts of its plan. All functions are pure.

``preflight`` makes the Inputs from the operator's request and the observed state of the fleet. The package ``stages``
makes the plan from the Inputs.
"""
