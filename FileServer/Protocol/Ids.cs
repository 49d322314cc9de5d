using System.Text.Json;
using System.Text.Json.Serialization;

namespace FileServer.Protocol;

/// <summary>Names a space. The space's root folder carries the same value as its <see cref="NodeId"/>.</summary>
[JsonConverter(typeof(IdJsonConverter<SpaceId>))]
public readonly record struct SpaceId(Guid Value) : ITypedId<SpaceId>
{
    /// <summary>A new id, ordered by the time it was made (UUID version 7).</summary>
    public static SpaceId New() => new(Guid.CreateVersion7());

    /// <summary>The root folder of this space.</summary>
    public NodeId Root => new(Value);

    static SpaceId ITypedId<SpaceId>.From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}

/// <summary>Names a file, folder or symlink for its whole life: rename, move and overwrite keep it. Made by whoever creates the node.</summary>
[JsonConverter(typeof(IdJsonConverter<NodeId>))]
public readonly record struct NodeId(Guid Value) : ITypedId<NodeId>
{
    /// <summary>A new id, ordered by the time it was made (UUID version 7).</summary>
    public static NodeId New() => new(Guid.CreateVersion7());

    static NodeId ITypedId<NodeId>.From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}

/// <summary>Names a changeset; made by the client, so that sending it twice commits it once.</summary>
[JsonConverter(typeof(IdJsonConverter<ChangesetId>))]
public readonly record struct ChangesetId(Guid Value) : ITypedId<ChangesetId>
{
    /// <summary>A new id, ordered by the time it was made (UUID version 7).</summary>
    public static ChangesetId New() => new(Guid.CreateVersion7());

    static ChangesetId ITypedId<ChangesetId>.From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}

/// <summary>Names a pack. Never reused, not even after the pack is gone.</summary>
[JsonConverter(typeof(IdJsonConverter<PackId>))]
public readonly record struct PackId(Guid Value) : ITypedId<PackId>
{
    /// <summary>A new id, ordered by the time it was made (UUID version 7).</summary>
    public static PackId New() => new(Guid.CreateVersion7());

    static PackId ITypedId<PackId>.From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}

/// <summary>Names a user account; never reused for another person.</summary>
[JsonConverter(typeof(IdJsonConverter<UserId>))]
public readonly record struct UserId(Guid Value) : ITypedId<UserId>
{
    /// <summary>A new id, ordered by the time it was made (UUID version 7).</summary>
    public static UserId New() => new(Guid.CreateVersion7());

    static UserId ITypedId<UserId>.From(Guid value) => new(value);

    public override string ToString() => Value.ToString();
}

/// <summary>What the typed ids have in common: a UUID inside, and its text on the wire.</summary>
public interface ITypedId<TSelf> where TSelf : struct, ITypedId<TSelf>
{
    Guid Value { get; }

    static abstract TSelf From(Guid value);
}

/// <summary>Writes a typed id as its UUID text (RFC 9562 §4).</summary>
public sealed class IdJsonConverter<TId> : JsonConverter<TId> where TId : struct, ITypedId<TId>
{
    public override TId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => TId.From(reader.GetGuid());

    public override void Write(Utf8JsonWriter writer, TId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}
