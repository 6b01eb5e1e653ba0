"""Operations that change a node or a balancer.

Each file has one pyinfra operation, which any other deploy can use as well.
"""
