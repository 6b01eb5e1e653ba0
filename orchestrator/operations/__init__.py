"""pyinfra operations that change a node or a balancer. Other pyinfra deploys can use these operations too."""
