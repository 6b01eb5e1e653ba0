@extends('layouts.app')

@section('title', config('app.name') . ' ' . App\Version::NUMBER)

@section('content')
    <h1>Laravel {{ Illuminate\Foundation\Application::VERSION }}, version {{ App\Version::NUMBER }}</h1>
    <p class="view">view 1</p>
    @isset ($visits)
        <p>{{ session('name') }}, you were here {{ $visits }} {{ Str::plural('time', $visits) }}.</p>
    @else
        <p>Nobody is logged in.</p>
    @endisset
@endsection
