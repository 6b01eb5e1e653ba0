<?php

namespace Fleet;

const VERSION = 'v1';
