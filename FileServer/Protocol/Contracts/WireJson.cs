using System.Text.Json;
using System.Text.Json.Serialization;

namespace FileServer.Protocol.Contracts;

/// <summary>How everything on the wire is written as JSON: camelCase, enums as words, nulls left out, no member twice.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 16)]
[JsonSerializable(typeof(Node))]
[JsonSerializable(typeof(Page<Node>))]
[JsonSerializable(typeof(NodePatch))]
[JsonSerializable(typeof(NodePlace))]
[JsonSerializable(typeof(OperationResult))]
[JsonSerializable(typeof(FileVersion))]
[JsonSerializable(typeof(Page<FileVersion>))]
[JsonSerializable(typeof(ChunkList))]
[JsonSerializable(typeof(Page<NodeState>))]
[JsonSerializable(typeof(Space))]
[JsonSerializable(typeof(Page<Space>))]
[JsonSerializable(typeof(SpaceRequest))]
[JsonSerializable(typeof(SpacePatch))]
[JsonSerializable(typeof(Grant))]
[JsonSerializable(typeof(GrantRequest))]
[JsonSerializable(typeof(GrantList))]
[JsonSerializable(typeof(InheritanceRequest))]
[JsonSerializable(typeof(NodeLock))]
[JsonSerializable(typeof(Page<NodeLock>))]
[JsonSerializable(typeof(LockRequest))]
[JsonSerializable(typeof(Changeset))]
[JsonSerializable(typeof(ChangesetResult))]
[JsonSerializable(typeof(ChangePage))]
[JsonSerializable(typeof(MissingChunksRequest))]
[JsonSerializable(typeof(MissingChunks))]
[JsonSerializable(typeof(ContentsRequest))]
[JsonSerializable(typeof(RevisionEvent))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(SessionTokens))]
[JsonSerializable(typeof(PasswordChange))]
[JsonSerializable(typeof(Me))]
[JsonSerializable(typeof(Page<TokenInfo>))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(CreatedToken))]
[JsonSerializable(typeof(User))]
[JsonSerializable(typeof(Page<User>))]
[JsonSerializable(typeof(UserRequest))]
[JsonSerializable(typeof(UserPatch))]
[JsonSerializable(typeof(Group))]
[JsonSerializable(typeof(Page<Group>))]
[JsonSerializable(typeof(GroupRequest))]
[JsonSerializable(typeof(GroupMemberRequest))]
[JsonSerializable(typeof(Page<Session>))]
[JsonSerializable(typeof(AuditEvent))]
[JsonSerializable(typeof(Page<AuditEvent>))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
public sealed partial class WireJson : JsonSerializerContext;
