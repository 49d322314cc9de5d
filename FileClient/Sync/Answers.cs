using FileClient.Api;
using FileServer.Protocol.Contracts;

namespace FileClient.Sync;

/// <summary>The server's answers are looked at before anything is concluded from them: whoever answers may not be the server, or not a sound one.</summary>
static class Answers
{
    public static void Check(Changeset sent, ChangesetResult result)
    {
        if (result.Id != sent.Id || result.Revision < 1 || result.Results is null || result.Results.Count != sent.Operations.Count)
            throw ApiException.Protocol("The answer to a changeset is not one.");
        for (var i = 0; i < sent.Operations.Count; i++)
            if (result.Results[i] is not { } made || made.NodeId != sent.Operations[i].NodeId || made.Version < 0)
                throw ApiException.Protocol("The answer to a changeset speaks of other nodes.");
    }

    public static void Check(Changeset sent, IReadOnlyList<Conflict> conflicts)
    {
        foreach (var conflict in conflicts)
            if (conflict is null || conflict.Index < 0 || conflict.Index >= sent.Operations.Count || conflict.Code is null)
                throw ApiException.Protocol("The refusal of a changeset names operations that it does not have.");
    }
}
