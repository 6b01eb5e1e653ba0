<?php

use App\Http\Controllers\LoginController;
use App\Http\Controllers\PageController;
use Illuminate\Support\Facades\Route;

Route::get('/', [PageController::class, 'home']);
Route::get('/uploads', [PageController::class, 'uploads']);
Route::post('/login', [LoginController::class, 'login']);
Route::get('/me', [LoginController::class, 'me']);
