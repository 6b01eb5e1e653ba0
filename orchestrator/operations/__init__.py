"""pyinfra operations that change a node or a balancer. Any other pyinfra deploy can use them too."""
