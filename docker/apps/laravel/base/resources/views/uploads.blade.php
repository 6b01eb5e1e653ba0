@extends('layouts.app')

@section('title', 'Uploads')

@section('content')
    <h1>Uploads</h1>
    <ul>
        @forelse ($files as $name => $size)
            <li>{{ $name }}: {{ number_format($size) }} bytes</li>
        @empty
            <li>none</li>
        @endforelse
    </ul>
@endsection
