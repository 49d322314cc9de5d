using System.Reflection;
using System.Reflection.Emit;

namespace Tests.Architecture;

/// <summary>What compiled code uses: every type and member that a type names in its shape or in the bodies of its methods.</summary>
static class References
{
    const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>Members that the type uses; a type itself stands for its use in a signature.</summary>
    public static IEnumerable<MemberInfo> Of(Type type)
    {
        var members = new List<MemberInfo>();
        if (type.BaseType is not null)
            members.Add(type.BaseType);
        members.AddRange(type.GetInterfaces());
        members.AddRange(type.GetFields(All).Select(field => field.FieldType));
        foreach (var method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)))
        {
            members.AddRange(method.GetParameters().Select(parameter => parameter.ParameterType));
            if (method is MethodInfo function)
                members.Add(function.ReturnType);
            members.AddRange(Body(method));
        }
        return members.SelectMany(Parts);
    }

    /// <summary>A generic type or method stands for its arguments as well.</summary>
    static IEnumerable<MemberInfo> Parts(MemberInfo member)
    {
        yield return member;
        var arguments = member switch
        {
            Type { HasElementType: true } wrapped => [wrapped.GetElementType()!],
            Type { IsGenericType: true } generic => generic.GetGenericArguments(),
            MethodInfo { IsGenericMethod: true } generic => generic.GetGenericArguments(),
            _ => [],
        };
        foreach (var part in arguments.SelectMany(Parts))
            yield return part;
        if (member is not Type && member.DeclaringType is { } declaring)
        {
            foreach (var part in Parts(declaring))
                yield return part;
        }
    }

    static IEnumerable<MemberInfo> Body(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body || body.GetILAsByteArray() is not { } il)
            yield break;
        foreach (var local in body.LocalVariables)
            yield return local.LocalType;
        var typeArguments = method.DeclaringType is { IsGenericType: true } generic ? generic.GetGenericArguments() : null;
        var methodArguments = method is { IsGenericMethod: true, IsConstructor: false } ? method.GetGenericArguments() : null;
        for (var at = 0; at < il.Length;)
        {
            var code = il[at] == 0xFE ? OpCodesByValue[(short)(0xFE00 | il[at + 1])] : OpCodesByValue[il[at]];
            at += code.Size;
            if (code.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok
                && method.Module.ResolveMember(BitConverter.ToInt32(il, at), typeArguments, methodArguments) is { } member)
            {
                yield return member;
            }
            at += code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(il, at)),
                _ => 4,
            };
        }
    }
}
