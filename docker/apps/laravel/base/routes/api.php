<?php

use App\Http\Controllers\NoteController;
use App\Http\Controllers\ProbeController;
use Illuminate\Support\Facades\Route;

Route::get('/health', [ProbeController::class, 'health']);
Route::match(['get', 'post'], '/slow', [ProbeController::class, 'slow']);
Route::post('/upload', [ProbeController::class, 'upload']);
Route::post('/work', [ProbeController::class, 'work']);
Route::post('/notes', [NoteController::class, 'add']);
Route::get('/notes/{id}', [NoteController::class, 'show']);
