namespace FileServer.Database;

/// <summary>
/// Answers many requests by one round trip: whoever asks while a run is on waits for the next one, which serves all who came
/// meanwhile. Who asks alone does not wait at all.
/// </summary>
/// <param name="run">Answers all asks of one run, in their order.</param>
/// <param name="atMost">Asks that one run takes.</param>
/// <remarks>An answer is never older than its question: a run begins after the last of its asks came.</remarks>
sealed class Gather<TAsk, TAnswer>(Func<IReadOnlyList<TAsk>, Task<IReadOnlyList<TAnswer>>> run, int atMost)
{
    readonly Lock gate = new();
    readonly Queue<Waiting> queue = [];
    bool running;

    public Task<TAnswer> AskAsync(TAsk ask, CancellationToken ct)
    {
        var waiting = new Waiting(ask);
        lock (gate)
        {
            queue.Enqueue(waiting);
            if (!running)
            {
                running = true;
                _ = Task.Run(RunAsync, CancellationToken.None);
            }
        }
        return waiting.Answer.Task.WaitAsync(ct);
    }

    async Task RunAsync()
    {
        while (true)
        {
            var batch = new List<Waiting>();
            lock (gate)
            {
                while (batch.Count < atMost && queue.TryDequeue(out var waiting))
                    batch.Add(waiting);
                running = batch.Count > 0;
            }
            if (batch.Count == 0)
                return;
            await AnswerAsync(batch);
        }
    }

    async Task AnswerAsync(List<Waiting> batch)
    {
        try
        {
            var answers = await run(batch.ConvertAll(waiting => waiting.Ask));
            for (var i = 0; i < batch.Count; i++)
                batch[i].Answer.SetResult(answers[i]);
        }
        catch (Exception fault) when (batch.Count == 1)
        {
            batch[0].Answer.SetException(fault);
        }
        catch (Exception)
        {
            // One of them may be the cause: alone, each meets its own error and nobody another's.
            foreach (var waiting in batch)
                await AnswerAsync([waiting]);
        }
    }

    sealed record Waiting(TAsk Ask)
    {
        public TaskCompletionSource<TAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
