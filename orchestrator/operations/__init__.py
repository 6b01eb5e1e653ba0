"""Operations that change a node or a balancer: real pyinfra operations, one a file, usable alone in any deploy."""
