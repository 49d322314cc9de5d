using System.Data;
using System.Net;
using Dapper;
using FileServer.Protocol;

namespace FileServer.Database;

/// <summary>How typed ids and digests travel to PostgreSQL and back: as uuid and bytea.</summary>
static class TypeHandlers
{
    public static void Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.AddTypeHandler(new IdHandler<SpaceId>());
        SqlMapper.AddTypeHandler(new IdHandler<NodeId>());
        SqlMapper.AddTypeHandler(new IdHandler<ChangesetId>());
        SqlMapper.AddTypeHandler(new IdHandler<PackId>());
        SqlMapper.AddTypeHandler(new IdHandler<UserId>());
        SqlMapper.AddTypeHandler(new DigestHandler());
        SqlMapper.AddTypeHandler(new InstantHandler());
        SqlMapper.AddTypeHandler(new AddressHandler());
    }

    sealed class IdHandler<TId> : SqlMapper.TypeHandler<TId> where TId : struct, ITypedId<TId>
    {
        public override void SetValue(IDbDataParameter parameter, TId value)
        {
            parameter.DbType = DbType.Guid;
            parameter.Value = value.Value;
        }

        public override TId Parse(object value) => TId.From((Guid)value);
    }

    sealed class DigestHandler : SqlMapper.TypeHandler<Digest>
    {
        public override void SetValue(IDbDataParameter parameter, Digest value)
        {
            parameter.DbType = DbType.Binary;
            parameter.Value = value.ToArray();
        }

        public override Digest Parse(object value) => new((byte[])value);
    }

    sealed class AddressHandler : SqlMapper.TypeHandler<IPAddress>
    {
        public override void SetValue(IDbDataParameter parameter, IPAddress? value) => parameter.Value = (object?)value ?? DBNull.Value;

        public override IPAddress Parse(object value) => (IPAddress)value;
    }

    /// <summary>Npgsql takes and gives timestamptz as UTC only; rows carry DateTimeOffset with offset zero.</summary>
    sealed class InstantHandler : SqlMapper.TypeHandler<DateTimeOffset>
    {
        public override void SetValue(IDbDataParameter parameter, DateTimeOffset value)
        {
            parameter.DbType = DbType.DateTimeOffset;
            parameter.Value = value.ToUniversalTime();
        }

        public override DateTimeOffset Parse(object value) => value switch
        {
            DateTimeOffset instant => instant,
            DateTime utc => new DateTimeOffset(DateTime.SpecifyKind(utc, DateTimeKind.Utc)),
            _ => throw new InvalidCastException($"A timestamp column came back as {value.GetType()}."),
        };
    }
}
