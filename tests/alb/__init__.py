"""An Application Load Balancer to test against: moto, corrected, and a data plane of our own.

Nothing here was compared with a real one: it is a model of what AWS documents and others have met (docs/aws.md).
"""
