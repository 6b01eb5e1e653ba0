<?php

namespace Fleet;

const VERSION = 'v2';
