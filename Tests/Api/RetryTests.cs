using FileClient.Api;

namespace Tests.Api;

public sealed class RetryTests
{
    [Fact]
    public void Pauses_grow_up_to_the_cap_and_are_spread_over_the_whole_range()
    {
        var retry = new Retry(Attempts: 100, BaseMs: 100, CapMs: 1000);
        foreach (var attempt in Enumerable.Range(1, 90))
            Assert.InRange(retry.PauseAfter(attempt, null)!.Value.TotalMilliseconds, 0, Math.Min(1000, 100 * Math.Pow(2, attempt - 1)));
        var pauses = Enumerable.Range(0, 500).Select(_ => retry.PauseAfter(50, null)!.Value.TotalMilliseconds).ToList();
        Assert.True(pauses.Min() < 200 && pauses.Max() > 800);
    }

    [Fact]
    public void The_server_is_never_asked_earlier_than_it_wants() =>
        Assert.True(new Retry().PauseAfter(1, TimeSpan.FromSeconds(7)) >= TimeSpan.FromSeconds(7));

    [Fact]
    public void A_wait_that_is_too_long_is_not_waited() => Assert.Null(new Retry().PauseAfter(1, TimeSpan.FromHours(1)));

    [Fact]
    public void The_last_attempt_is_the_last() => Assert.Null(new Retry(Attempts: 3).PauseAfter(3, null));
}
