@props(['pages'])
<nav {{ $attributes->merge(['class' => 'navigation']) }}>
    @foreach ($pages as $path => $name)
        <a href="{{ $path }}" @if (request()->is(trim($path, '/') ?: '/')) aria-current="page" @endif>{{ $name }}</a>
    @endforeach
</nav>
