namespace Tests.Support;

/// <summary>A clock that stands until the test turns it.</summary>
sealed class TurnedClock : TimeProvider
{
    DateTimeOffset now = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);

    public void Turn(TimeSpan by) => now += by;

    public override DateTimeOffset GetUtcNow() => now;
}
