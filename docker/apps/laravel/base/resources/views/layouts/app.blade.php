<!DOCTYPE html>
<html lang="en">
<head>
    <meta charset="utf-8">
    <title>@yield('title')</title>
    <link rel="stylesheet" href="{{ App\Assets::url('app.css') }}">
    <script src="{{ App\Assets::url('app.js') }}" defer></script>
</head>
<body>
    <x-navigation :pages="['/' => 'Home', '/uploads' => 'Uploads']" />
    <main>@yield('content')</main>
    <x-identity />
</body>
</html>
