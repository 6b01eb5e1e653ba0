<?php

declare(strict_types=1);

echo "a tool of a package that ran by mistake";
