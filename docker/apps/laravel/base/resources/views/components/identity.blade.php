<footer>
    @foreach ($who as $what => $value)
        <span data-{{ $what }}="{{ $value }}">{{ $what }} {{ $value ?? 'unknown' }}</span>
    @endforeach
</footer>
