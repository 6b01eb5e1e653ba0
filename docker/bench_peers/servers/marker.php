<?php

/** Runs before each request of a tool that is compared: the answer names the release whose code answers. */
header('X-Release: ' . basename(dirname($_SERVER['DOCUMENT_ROOT'])));
