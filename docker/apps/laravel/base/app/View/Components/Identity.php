<?php

namespace App\View\Components;

use App\Identity as Answering;
use Illuminate\View\Component;

/** Who made this page, for people and for programs. */
class Identity extends Component
{
    /** @var array<string, string|null> */
    public array $who;

    public function __construct()
    {
        $this->who = Answering::describe();
    }

    public function render()
    {
        return view('components.identity');
    }
}
